//! The JSON Schema of policy files, for editors. It is generated from the types in `types.rs`, and tests hold it
//! against the reader: what one knows, the other knows.

/// The schema, as `drl schema` prints it.
pub const SCHEMA: &str = include_str!("../../../../../docs/policy.schema.json");

#[cfg(test)]
pub(super) mod tests;
#[cfg(test)]
mod types;
