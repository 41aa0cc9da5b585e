//! QR codes for a terminal, so that a phone can scan a long text.

use qrcodegen::{QrCode, QrCodeEcc};

/// Width of the quiet zone in modules, without which phones do not find the code (ISO/IEC 18004, section 9.1).
const QUIET: i32 = 4;

/// Draws a text as a QR code in half blocks, two rows of modules per line. Returns `None` if the text is too long.
///
/// Draws the light modules and leaves the dark ones blank, which is right on a dark terminal. On a light one the code
/// is inverted, which phones also read.
#[must_use]
pub fn qr_code(text: &str) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let end = code.size() + QUIET;
    let is_light = |x, y| y < end && !code.get_module(x, y);
    let line = |y: i32| {
        let module = |x| match (is_light(x, y), is_light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (-QUIET..end).map(module).chain(['\n']).collect::<String>()
    };
    Some((-QUIET..end).step_by(2).map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawing_matches_the_code() {
        let text = "http://localhost:8080";
        let code = QrCode::encode_text(text, QrCodeEcc::Low).unwrap();
        let drawn = qr_code(text).unwrap();
        let rows = drawn.lines().flat_map(|line| {
            let half = |light: [char; 2]| line.chars().map(|block| !light.contains(&block)).collect::<Vec<_>>();
            [half(['█', '▀']), half(['█', '▄'])]
        });
        for (y, row) in (-QUIET..code.size() + QUIET).zip(rows) {
            let dark = (-QUIET..code.size() + QUIET).map(|x| code.get_module(x, y)).collect::<Vec<_>>();
            assert_eq!(row, dark, "row {y}");
        }
        assert!(qr_code(&"x".repeat(3_000)).is_none());
    }
}
