"""Statements: what each customer is to be invoiced for a month, as Excel workbooks that are ready to send.

terms    customers.csv: the owner's markup, tax, currency and rate for each customer
bills    asks a release for bills, costs and lines
figures  computes exactly what is invoiced, and what rounding leaves
cells, summary_sheet, lines_sheet, workbook    write it
making   all of a month: checks first, then one workbook after the other
"""

from __future__ import annotations

from pipelines.publish.statements.making import Made, Statements, make_statements, refuse_unfit

__all__ = ["Made", "Statements", "make_statements", "refuse_unfit"]
