//! The lexical layer of JSON, for the rooms that read, write and compare it: where values start and end, what escapes stand
//! for, and which numbers are equal.

pub(crate) mod decimal;
pub(crate) mod scan;
pub(crate) mod skim;
