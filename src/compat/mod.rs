//! The rules of the utilities that replace the TypeScript layer (API.md, "Drop-in utilities").

pub mod dispatch;
pub mod merge;
pub mod normalize;
