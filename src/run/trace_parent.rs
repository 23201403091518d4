use std::{fmt, str::FromStr};

/// The context of a span in a distributed trace, in the form of a `traceparent` header (W3C recommendation
/// "Trace Context", section 3.2).
///
/// ```
/// use tower_llm_callbacks::run::TraceParent;
///
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parent: TraceParent = header.parse().unwrap();
/// assert_eq!(parent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(parent.parent_id(), "00f067aa0ba902b7");
/// assert!(parent.is_sampled());
/// assert_eq!(parent.to_string(), header);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceParent(Box<str>);

/// The error of a text that is not a valid `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidTraceParent;

impl TraceParent {
    /// Creates a context from ids, neither of which may be zero, in version 00.
    pub(crate) fn new(trace_id: u128, parent_id: u64, flags: u8) -> Self {
        Self(format!("00-{trace_id:032x}-{parent_id:016x}-{flags:02x}").into())
    }

    /// Returns the id of the trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.0[3..35]
    }

    /// Returns the id of the span: 16 hexadecimal digits. In a request's header, the caller's span.
    pub fn parent_id(&self) -> &str {
        &self.0[36..52]
    }

    /// Returns true if the span may have been recorded.
    pub fn is_sampled(&self) -> bool {
        u8::from_str_radix(&self.0[53..55], 16).is_ok_and(|flags| flags & 1 == 1)
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let bytes = text.as_bytes();
        let hex = |from: usize, to: usize| {
            bytes[from..to].iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let some = |from: usize, to: usize| bytes[from..to].iter().any(|byte| *byte != b'0');
        let valid = bytes.len() >= 55
            && [2, 35, 52].iter().all(|&dash| bytes[dash] == b'-')
            && hex(0, 2)
            && hex(3, 35)
            && hex(36, 52)
            && hex(53, 55)
            && some(3, 35)
            && some(36, 52)
            // Later versions may be longer. `ff` is not a version.
            && match &bytes[..2] {
                b"ff" => false,
                b"00" => bytes.len() == 55,
                _ => bytes.get(55).is_none_or(|byte| *byte == b'-') && text.is_ascii(),
            };
        if valid { Ok(Self(text.into())) } else { Err(InvalidTraceParent) }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceParent({})", self.0)
    }
}

impl fmt::Display for InvalidTraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid `traceparent`: 00-<32 hex digits>-<16 hex digits>-<2 hex digits>")
    }
}

impl std::error::Error for InvalidTraceParent {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_valid_headers_only() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(good.parse::<TraceParent>().is_ok());
        let later = format!("01{}-what-comes", &good[2..]);
        assert!(later.parse::<TraceParent>().is_ok());
        assert!(!good.replace("-01", "-02").parse::<TraceParent>().unwrap().is_sampled());
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(bad.parse::<TraceParent>().is_err(), "{bad}");
        }
    }
}
