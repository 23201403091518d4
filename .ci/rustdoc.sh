#!/bin/sh
# rustdoc with unstable features, as docs.rs has it, by way of cargo's variable RUSTDOC. For cargo and the compiler the
# variable is not set: they would build every dependency once more.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
