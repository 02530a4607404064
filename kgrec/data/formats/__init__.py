"""The file formats that known data sets come in."""
