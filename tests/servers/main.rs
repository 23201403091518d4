//! The HTTP layer between real clients and servers.

mod clients;
mod hyper;
mod limits;
mod load;
mod reqwest_types;
mod stack;
