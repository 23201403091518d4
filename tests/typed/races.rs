//! Races between threads, and user code that panics at an unlucky moment.

mod deadline;
mod flush;
mod panics;
