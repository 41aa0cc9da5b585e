//! Finding elements as assistive technology does: by the role and the name that the browser computes.

use serde_json::{Value, json};

use super::{Element, person::Person, session::Fault};

/// Returns a selector for elements that may have a role. The browser decides: a password field, for one, has no role.
fn candidates(role: &str) -> String {
    let plain = match role {
        "alert" | "gridcell" | "log" | "status" => "",
        "button" => "button, [type=submit], [type=button], summary,",
        "checkbox" => "[type=checkbox],",
        "combobox" => "select,",
        "dialog" => "dialog,",
        "field" | "searchbox" | "textbox" => "input:not([type=hidden]), textarea,",
        "heading" => "h1, h2, h3, h4,",
        "image" => "img, svg, canvas,",
        "link" => "a[href],",
        "list" => "ul, ol,",
        "meter" => "meter,",
        other => panic!("no selector for the role {other:?}: add one here"),
    };
    format!("{plain} [role={role}]")
}

/// Selects candidates in the page. It leaves out elements that are not visible, and elements without the words of the
/// name in any text that a name is computed from, because the browser needs several requests for each candidate. Style
/// sheets can change a name's punctuation and letter case, so neither is compared.
const FIND_CANDIDATES: &str = "const [selector, words] = arguments;
    const attributes = (element) => [...element.attributes].map(({ value }) => value);
    const sources = [
      (element) => attributes(element),
      (element) => [...element.labels ?? []].map(({ textContent }) => textContent),
      (element) => (element.getAttribute('aria-labelledby') ?? '').split(' ')
        .map((id) => document.getElementById(id)?.textContent ?? ''),
      (element) => [element.textContent],
      (element) => [...element.querySelectorAll('*')].flatMap(attributes),
    ];
    const isNamed = (element) => {
      let missing = words;
      return sources.some((source) => {
        const text = missing.length > 0 ? source(element).join(' ').toLowerCase() : '';
        missing = missing.filter((word) => !text.includes(word));
        return missing.length === 0;
      });
    };
    return [...document.querySelectorAll(selector)]
      .filter((element) => element.checkVisibility({ visibilityProperty: true }) && isNamed(element))";

impl Person {
    /// Returns the accessible name that the browser computes for an element.
    pub async fn name_of(&self, element: &Element) -> String {
        let name = self.session().get(&format!("/element/{}/computedlabel", element.0)).await;
        self.expect_to("read a name", name).as_str().unwrap().to_owned()
    }

    /// Returns the visible elements of a role and a name.
    pub(super) async fn sees_all(&self, role: &str, name: &str) -> Result<Vec<Element>, Fault> {
        let session = self.session();
        let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        let words = words.map(str::to_lowercase).collect::<Vec<_>>();
        let candidates = session.script(FIND_CANDIDATES, &[json!(candidates(role)), json!(words)]).await?;
        let mut found = Vec::new();
        for element in candidates.as_array().into_iter().flatten().filter_map(Element::from_value) {
            let path = |what: &str| format!("/element/{}/{what}", element.0);
            // WebKit computes neither name nor role of a hidden element.
            if session.get(&path("displayed")).await? == true
                && session.get(&path("computedlabel")).await? == name
                && (role == "field" || same_role(role, &session.get(&path("computedrole")).await?))
            {
                found.push(element);
            }
        }
        Ok(found)
    }
}

/// Engines differ in the role of an image and of a combobox.
fn same_role(wanted: &str, computed: &Value) -> bool {
    computed == wanted
        || [("image", "img"), ("combobox", "button")].iter().any(|other| computed == other.1 && wanted == other.0)
}
