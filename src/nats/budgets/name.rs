/// Returns the key of an account in a bucket. Characters that are not allowed there are written as `=` and two digits for
/// each byte.
pub(super) fn bucket_key(account: &str) -> String {
    let mut key = String::with_capacity(account.len());
    for byte in account.bytes() {
        match byte {
            b'-' | b'_' | b'/' => key.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => key.push(byte.into()),
            _ => key.push_str(&format!("={byte:02X}")),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::bucket_key;

    #[test]
    fn keys_are_valid_and_distinct() {
        assert_eq!(bucket_key("users/17/key/ada-1_B"), "users/17/key/ada-1_B");
        assert_eq!(bucket_key("a.b c*>=é\n"), "a=2Eb=20c=2A=3E=3D=C3=A9=0A");
        assert_ne!(bucket_key("a=2E"), bucket_key("a."));
    }
}
