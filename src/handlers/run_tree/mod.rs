//! Runs put together into trees, to look at, print and keep.

mod forest;
mod growing;
mod print;
mod tree;

pub use self::{
    forest::RunTrees,
    tree::{RunTree, TreeEvent},
};
