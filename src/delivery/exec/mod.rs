//! What runs handlers: threads for blocking ones, tasks for async ones, and a watch over their deadlines.

mod batch;
mod blocking;
mod code;
mod driver;
mod gathering;
mod linger;
mod pool;
mod runtimes;
mod tasks;
mod watch;
mod watch_thread;

pub(crate) use self::code::Code;
