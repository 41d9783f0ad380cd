"""Surrogate models of fields on grids: FNO, U-Net, ConvNeXt-U-Net, in physical units, and their files."""

from haar.systems.group_averaging.surrogates.catalogue import CATALOGUE, convnext_unet, fno, tfno, unet
from haar.systems.group_averaging.surrogates.convnext_unet import ConvNeXtUNet
from haar.systems.group_averaging.surrogates.fno import FNO
from haar.systems.group_averaging.surrogates.storage import load, save
from haar.systems.group_averaging.surrogates.surrogate import Normaliser, Surrogate, parameter_count
from haar.systems.group_averaging.surrogates.unet import UNet

__all__ = [
    "CATALOGUE",
    "FNO",
    "ConvNeXtUNet",
    "Normaliser",
    "Surrogate",
    "UNet",
    "convnext_unet",
    "fno",
    "load",
    "parameter_count",
    "save",
    "tfno",
    "unet",
]
