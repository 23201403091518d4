use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the number of files this process may open, as far as it may: each stream needs a socket on
/// both sides, and the usual soft limit is 1,024.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("the limit of open files stays as it is: {error}");
    }
}
