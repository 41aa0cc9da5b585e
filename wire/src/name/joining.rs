//! How letters of cursive scripts join: Joining_Type in Unicode 18.0, from `extracted/DerivedJoiningType.txt`.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::tags::is_tag;

use Joins::{Both, Next, Previous};

/// The neighbours that a letter joins, in reading order.
#[derive(Clone, Copy, PartialEq)]
enum Joins {
    /// Left_Joining: joins the letter after it.
    Next,
    /// Right_Joining: joins the letter before it.
    Previous,
    /// Dual_Joining.
    Both,
}

/// True when it joins the letter after it: Left_Joining or Dual_Joining.
pub(super) fn joins_next(c: char) -> bool {
    joins(c).is_some_and(|joins| joins != Previous)
}

/// True when it joins the letter before it: Right_Joining or Dual_Joining.
pub(super) fn joins_previous(c: char) -> bool {
    joins(c).is_some_and(|joins| joins != Next)
}

/// True for Joining_Type Transparent. Most of the others are format characters; of those only tags get here, the rest
/// having been dropped or refused.
pub(super) fn is_transparent(c: char) -> bool {
    c == '\u{1e94b}'
        || is_tag(c)
        || matches!(c.general_category(), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
}

fn joins(c: char) -> Option<Joins> {
    let at = LETTERS.partition_point(|&(_, last, _)| last < c);
    LETTERS.get(at).filter(|&&(first, _, _)| first <= c).map(|&(_, _, joins)| joins)
}

/// Ranges of letters: first, last, and how they join.
#[rustfmt::skip]
const LETTERS: &[(char, char, Joins)] = &[
    ('\u{620}', '\u{620}', Both), ('\u{622}', '\u{625}', Previous), ('\u{626}', '\u{626}', Both),
    ('\u{627}', '\u{627}', Previous), ('\u{628}', '\u{628}', Both), ('\u{629}', '\u{629}', Previous),
    ('\u{62a}', '\u{62e}', Both), ('\u{62f}', '\u{632}', Previous), ('\u{633}', '\u{63f}', Both),
    ('\u{641}', '\u{647}', Both), ('\u{648}', '\u{648}', Previous), ('\u{649}', '\u{64a}', Both),
    ('\u{66e}', '\u{66f}', Both), ('\u{671}', '\u{673}', Previous), ('\u{675}', '\u{677}', Previous),
    ('\u{678}', '\u{687}', Both), ('\u{688}', '\u{699}', Previous), ('\u{69a}', '\u{6bf}', Both),
    ('\u{6c0}', '\u{6c0}', Previous), ('\u{6c1}', '\u{6c2}', Both), ('\u{6c3}', '\u{6cb}', Previous),
    ('\u{6cc}', '\u{6cc}', Both), ('\u{6cd}', '\u{6cd}', Previous), ('\u{6ce}', '\u{6ce}', Both),
    ('\u{6cf}', '\u{6cf}', Previous), ('\u{6d0}', '\u{6d1}', Both), ('\u{6d2}', '\u{6d3}', Previous),
    ('\u{6d5}', '\u{6d5}', Previous), ('\u{6ee}', '\u{6ef}', Previous), ('\u{6fa}', '\u{6fc}', Both),
    ('\u{6ff}', '\u{6ff}', Both), ('\u{710}', '\u{710}', Previous), ('\u{712}', '\u{714}', Both),
    ('\u{715}', '\u{719}', Previous), ('\u{71a}', '\u{71d}', Both), ('\u{71e}', '\u{71e}', Previous),
    ('\u{71f}', '\u{727}', Both), ('\u{728}', '\u{728}', Previous), ('\u{729}', '\u{729}', Both),
    ('\u{72a}', '\u{72a}', Previous), ('\u{72b}', '\u{72b}', Both), ('\u{72c}', '\u{72c}', Previous),
    ('\u{72d}', '\u{72e}', Both), ('\u{72f}', '\u{72f}', Previous), ('\u{74d}', '\u{74d}', Previous),
    ('\u{74e}', '\u{758}', Both), ('\u{759}', '\u{75b}', Previous), ('\u{75c}', '\u{76a}', Both),
    ('\u{76b}', '\u{76c}', Previous), ('\u{76d}', '\u{770}', Both), ('\u{771}', '\u{771}', Previous),
    ('\u{772}', '\u{772}', Both), ('\u{773}', '\u{774}', Previous), ('\u{775}', '\u{777}', Both),
    ('\u{778}', '\u{779}', Previous), ('\u{77a}', '\u{77f}', Both), ('\u{7ca}', '\u{7ea}', Both),
    ('\u{840}', '\u{840}', Previous), ('\u{841}', '\u{845}', Both), ('\u{846}', '\u{847}', Previous),
    ('\u{848}', '\u{848}', Both), ('\u{849}', '\u{849}', Previous), ('\u{84a}', '\u{853}', Both),
    ('\u{854}', '\u{854}', Previous), ('\u{855}', '\u{855}', Both), ('\u{856}', '\u{858}', Previous),
    ('\u{860}', '\u{860}', Both), ('\u{862}', '\u{865}', Both), ('\u{867}', '\u{867}', Previous),
    ('\u{868}', '\u{868}', Both), ('\u{869}', '\u{86a}', Previous), ('\u{870}', '\u{882}', Previous),
    ('\u{886}', '\u{886}', Both), ('\u{889}', '\u{88d}', Both), ('\u{88e}', '\u{88e}', Previous),
    ('\u{88f}', '\u{88f}', Both), ('\u{8a0}', '\u{8a9}', Both), ('\u{8aa}', '\u{8ac}', Previous),
    ('\u{8ae}', '\u{8ae}', Previous), ('\u{8af}', '\u{8b0}', Both), ('\u{8b1}', '\u{8b2}', Previous),
    ('\u{8b3}', '\u{8b8}', Both), ('\u{8b9}', '\u{8b9}', Previous), ('\u{8ba}', '\u{8c8}', Both),
    ('\u{1807}', '\u{1807}', Both), ('\u{1820}', '\u{1878}', Both), ('\u{1887}', '\u{18a8}', Both),
    ('\u{18aa}', '\u{18aa}', Both), ('\u{a840}', '\u{a871}', Both), ('\u{a872}', '\u{a872}', Next),
    ('\u{10ac0}', '\u{10ac4}', Both), ('\u{10ac5}', '\u{10ac5}', Previous), ('\u{10ac7}', '\u{10ac7}', Previous),
    ('\u{10ac9}', '\u{10aca}', Previous), ('\u{10acd}', '\u{10acd}', Next), ('\u{10ace}', '\u{10ad2}', Previous),
    ('\u{10ad3}', '\u{10ad6}', Both), ('\u{10ad7}', '\u{10ad7}', Next), ('\u{10ad8}', '\u{10adc}', Both),
    ('\u{10add}', '\u{10add}', Previous), ('\u{10ade}', '\u{10ae0}', Both), ('\u{10ae1}', '\u{10ae1}', Previous),
    ('\u{10ae4}', '\u{10ae4}', Previous), ('\u{10aeb}', '\u{10aee}', Both), ('\u{10aef}', '\u{10aef}', Previous),
    ('\u{10b80}', '\u{10b80}', Both), ('\u{10b81}', '\u{10b81}', Previous), ('\u{10b82}', '\u{10b82}', Both),
    ('\u{10b83}', '\u{10b85}', Previous), ('\u{10b86}', '\u{10b88}', Both), ('\u{10b89}', '\u{10b89}', Previous),
    ('\u{10b8a}', '\u{10b8b}', Both), ('\u{10b8c}', '\u{10b8c}', Previous), ('\u{10b8d}', '\u{10b8d}', Both),
    ('\u{10b8e}', '\u{10b8f}', Previous), ('\u{10b90}', '\u{10b90}', Both), ('\u{10b91}', '\u{10b91}', Previous),
    ('\u{10ba9}', '\u{10bac}', Previous), ('\u{10bad}', '\u{10bae}', Both), ('\u{10d00}', '\u{10d00}', Next),
    ('\u{10d01}', '\u{10d21}', Both), ('\u{10d22}', '\u{10d22}', Previous), ('\u{10d23}', '\u{10d23}', Both),
    ('\u{10ec2}', '\u{10ec2}', Previous), ('\u{10ec3}', '\u{10ec4}', Both), ('\u{10ec6}', '\u{10ec7}', Both),
    ('\u{10ed9}', '\u{10eee}', Next), ('\u{10f30}', '\u{10f32}', Both), ('\u{10f33}', '\u{10f33}', Previous),
    ('\u{10f34}', '\u{10f44}', Both), ('\u{10f51}', '\u{10f53}', Both), ('\u{10f54}', '\u{10f54}', Previous),
    ('\u{10f70}', '\u{10f73}', Both), ('\u{10f74}', '\u{10f75}', Previous), ('\u{10f76}', '\u{10f81}', Both),
    ('\u{10fb0}', '\u{10fb0}', Both), ('\u{10fb2}', '\u{10fb3}', Both), ('\u{10fb4}', '\u{10fb6}', Previous),
    ('\u{10fb8}', '\u{10fb8}', Both), ('\u{10fb9}', '\u{10fba}', Previous), ('\u{10fbb}', '\u{10fbc}', Both),
    ('\u{10fbd}', '\u{10fbd}', Previous), ('\u{10fbe}', '\u{10fbf}', Both), ('\u{10fc1}', '\u{10fc1}', Both),
    ('\u{10fc2}', '\u{10fc3}', Previous), ('\u{10fc4}', '\u{10fc4}', Both), ('\u{10fc9}', '\u{10fc9}', Previous),
    ('\u{10fca}', '\u{10fca}', Both), ('\u{10fcb}', '\u{10fcb}', Next), ('\u{1e900}', '\u{1e943}', Both),
];
