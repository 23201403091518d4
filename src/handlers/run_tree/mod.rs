//! Trees of runs.

mod builder;
mod forest;
mod growing;
mod print;
mod tree;
mod trees;

pub use self::{
    builder::RunTreesBuilder,
    tree::{RunTree, TreeEvent},
    trees::RunTrees,
};
