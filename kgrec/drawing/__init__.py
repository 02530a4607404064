"""Every picture that kgrec draws."""
