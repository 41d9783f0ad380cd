"""Reports: what a verb or an experiment found, as a dictionary, a table, a figure and one self-contained HTML page."""

from haar.report.json_file import plain, write_json
from haar.report.page import page, write_page
from haar.report.report import Report
from haar.report.section import Section
from haar.report.table import Table

__all__ = ["Report", "Section", "Table", "page", "plain", "write_json", "write_page"]
