"""``torch.export`` files on the command line: read by `haar.programs`, which runs nothing of a stranger's file."""

from haar.programs import read_program as load_program

__all__ = ["load_program"]
