//! The lexical layer of JSON, for the rooms that read, write and compare it: where values start and end, what escapes stand
//! for, which numbers are equal, and which keys are not shown.

pub(crate) mod decimal;
pub(crate) mod private;
pub(crate) mod scan;
pub(crate) mod skim;
