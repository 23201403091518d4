//! Frames of AWS's event streams, written by hand.

/// Returns a frame with these headers, which are texts.
pub fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for (name, value) in headers {
        all.push(u8::try_from(name.len()).unwrap());
        all.extend_from_slice(name.as_bytes());
        all.push(7);
        all.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        all.extend_from_slice(value.as_bytes());
    }
    raw_frame(&all, payload)
}

/// Returns a frame with these bytes as its headers.
pub fn raw_frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let total = u32::try_from(16 + headers.len() + payload.len()).unwrap();
    let mut frame = total.to_be_bytes().to_vec();
    frame.extend_from_slice(&u32::try_from(headers.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(&checksum(&frame).to_be_bytes());
    frame.extend_from_slice(headers);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&checksum(&frame).to_be_bytes());
    frame
}

/// Returns the frame of an event with JSON.
pub fn event(name: &str, json: &str) -> Vec<u8> {
    let headers =
        [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    frame(&headers, json.as_bytes())
}

/// Returns the frame of an exception.
pub fn exception(name: &str, json: &str) -> Vec<u8> {
    frame(&[(":exception-type", name), (":message-type", "exception")], json.as_bytes())
}

/// Returns the frame of a chunk of an invocation.
pub fn chunk(json: &str) -> Vec<u8> {
    event("chunk", &format!(r#"{{"bytes":"{}","p":"abc"}}"#, base64(json.as_bytes())))
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    checksum.sum()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        let length = group.len();
        [0, 1, 2, 3].map(|digit| match digit <= length {
            true => char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]),
            false => '=',
        })
    };
    bytes.chunks(3).flat_map(group).collect()
}
