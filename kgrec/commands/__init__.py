"""The commands of `kgrec`, one file each."""
