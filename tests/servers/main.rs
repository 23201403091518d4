//! The HTTP layer between real clients and servers.

mod clients;
mod hyper;
mod limits;
mod load;
mod mcp;
mod reqwest_types;
mod stack;
