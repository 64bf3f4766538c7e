//! Walks an output folder without leaving it.
