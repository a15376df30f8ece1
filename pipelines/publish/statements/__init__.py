"""Statements: what each customer is to be invoiced for a month, as Excel workbooks that are ready to send.

terms    reads customers.csv: the owner's markup, tax, currency and rate for each customer
bills    reads bills, costs and lines from a release
figures  computes the invoiced amounts and the rounding differences, exactly
cells, summary_sheet, lines_sheet, workbook    write the workbook
making   makes a month's statements: all checks first, then one workbook after the other
"""

from __future__ import annotations

from pipelines.publish.statements.making import Made, Statements, check_terms, make_statements

__all__ = ["Made", "Statements", "check_terms", "make_statements"]
