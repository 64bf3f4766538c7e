//! Reads one file, with a limit and only if it is a file.
