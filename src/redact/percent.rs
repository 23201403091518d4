/// Returns the bytes of a text that is percent-encoded. What is no encoding stays.
pub(super) fn decoded(text: &str) -> Vec<u8> {
    let (mut plain, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        rest = if code.is_some() { &after[2..] } else { after };
        plain.push(code.map_or(*first, |(high, low)| high * 16 + low));
    }
    plain
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| digit.try_into().ok())
}
