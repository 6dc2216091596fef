//! What goes into a row comes out of it: decode, then restore, then compare as JSON values.

mod json;
mod records;
mod streams;
