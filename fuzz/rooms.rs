//! The rooms of callake that are fuzzed, built from the same files, without the packages that the rest of it needs: every
//! package is built with instrumentation, and those of HTTP, TLS and object stores take longer than all others together.

#[path = "../src/decode/mod.rs"]
pub mod decode;
#[path = "../src/json/mod.rs"]
mod json;
#[path = "../src/proof/mod.rs"]
pub mod proof;
#[path = "../src/restore/mod.rs"]
pub mod restore;
#[path = "../src/schema/mod.rs"]
pub mod schema;
