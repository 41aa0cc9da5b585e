use web_crypto::padding::{MIN, pad, unpad};

/// Each content has exactly one padded form, within the bounds in PROTOCOL.
pub fn check(bytes: &[u8]) {
    if let Some(content) = unpad(bytes) {
        let mut again = content.to_vec();
        pad(&mut again);
        assert_eq!(again, bytes);
    }
    let mut padded = bytes.to_vec();
    pad(&mut padded);
    assert_eq!(unpad(&padded), Some(bytes));
    assert!(padded.len() >= MIN && padded.len() <= MIN.max(bytes.len() + 1 + bytes.len() / 8));
}
