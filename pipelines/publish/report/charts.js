// Draws each chart into the element with its id. Nothing is loaded or evaluated: expressions run in Vega's
// interpreter, so that the page's Content-Security-Policy can forbid eval.
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
    place.textContent = `This chart could not be drawn (${error.message}); the table below has its figures.`;
  });
}
// An opened table can make its section wider; on a resize event the charts adapt to the new width.
document.addEventListener("toggle", () => window.dispatchEvent(new Event("resize")), true);
