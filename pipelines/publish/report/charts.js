// Draws each chart into the figure that carries its name. Nothing is loaded and nothing is evaluated: expressions run in
// Vega's interpreter, so that the page's policy can forbid eval.
const charts = JSON.parse(document.getElementById("charts").textContent);
for (const [name, specification] of Object.entries(charts)) {
  const place = document.getElementById(name);
  vegaEmbed(place, specification, {
    mode: "vega-lite",
    renderer: "svg",
    ast: true,
    actions: false,
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  }).catch((error) => {
    place.textContent = `This chart could not be drawn (${error.message}); its figures stand in the table below.`;
  });
}
// An opened table makes its section wider, and charts measure their place anew when the window changes.
document.addEventListener("toggle", () => window.dispatchEvent(new Event("resize")), true);
