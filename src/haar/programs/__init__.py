"""Programs and graphs as files: written the same every time, and read without running what a stranger put into them."""

from haar.programs.onnx_model import OnnxModel
from haar.programs.reading import read_program
from haar.programs.writing import program_bytes, write_program

__all__ = ["OnnxModel", "program_bytes", "read_program", "write_program"]
