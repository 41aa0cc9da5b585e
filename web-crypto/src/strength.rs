//! How many guesses a password withstands, as far as a program can tell.

use zxcvbn::zxcvbn;

/// The guesses that it would take to reach this password, as a power of ten. `known` is what a guesser would try
/// early: the names of the room and of who made it.
#[must_use]
pub fn guesses_log10(password: &str, known: &[&str]) -> f64 {
    zxcvbn(password, known).guesses_log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_short_and_known_is_weak() {
        for weak in ["password", "Passw0rd!", "qwertyuiop", "aaaaaaaaaaaa", "19840512", "book club", "Ana Kowalska"] {
            let guesses = guesses_log10(weak, &["Book club", "Ana Kowalska"]);
            assert!(guesses < 6.5, "{weak}: {guesses}");
        }
        let name = |known: &[&str]| guesses_log10("Rumpelstilzchen", known);
        assert!(name(&["Rumpelstilzchen"]) + 5.0 < name(&[]), "a name that is shown to all is no secret");
    }

    #[test]
    fn long_and_random_is_strong() {
        for strong in ["vT9#qLw2!xZr8@mK", "snugly dainty tribune opacity rotunda fringe"] {
            let guesses = guesses_log10(strong, &["Book club", "Ana"]);
            assert!(guesses > 15.0, "{strong}: {guesses}");
        }
    }
}
