"""Monthly tables: FRED-MD's files with their transformations, and portfolios' returns."""

from haar.data.monthly.codes import CODES, transformed
from haar.data.monthly.fred_md import MonthlyTable, read_fred_md
from haar.data.monthly.portfolios import Portfolios, french_portfolios

__all__ = ["CODES", "MonthlyTable", "Portfolios", "french_portfolios", "read_fred_md", "transformed"]
