use web_crypto::{content::Content, padding::pad};

/// A content has one encoding. Pictures' headers and pieces are contents.
pub fn check(bytes: &[u8]) {
    round_trip(bytes);
    // A mutation rarely keeps the padding.
    let mut padded = bytes.to_vec();
    pad(&mut padded);
    round_trip(&padded);
}

fn round_trip(padded: &[u8]) {
    if let Ok((counter, content)) = Content::from_padded(padded) {
        assert_eq!(*content.to_padded(counter), padded);
    }
}
