//! Tables of the rules of placement.
