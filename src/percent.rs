/// Returns the bytes of a text that is percent-encoded. What is no encoding stays.
pub(crate) fn decoded(text: &str) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = rest.get(..3).and_then(octet);
        rest = if code.is_some() { &rest[3..] } else { after };
        plain.push(code.unwrap_or(*first));
    }
    plain
}

/// Returns the byte that a percent sequence stands for.
pub(crate) fn octet(sequence: &[u8]) -> Option<u8> {
    let [b'%', high, low] = sequence else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
