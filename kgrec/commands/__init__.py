"""The commands of `kgrec`, one file each: options, a call, printing."""
