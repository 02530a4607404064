"""What kgrec may write where: nothing of the user is replaced, and folders are saved as a whole."""
