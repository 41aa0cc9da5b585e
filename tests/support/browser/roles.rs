//! Finding things as assistive technology does: by the role and the name that the browser computes.

use serde_json::{Value, json};

use super::{Element, person::Person, session::Fault};

/// What may have a role at all; the browser has the last word. A password field has none.
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
        other => panic!("what has the role {other:?} is not known here"),
    };
    format!("{plain} [role={role}]")
}

/// Leaves out candidates that the browser would reject, since asking it about each takes several requests: what has
/// no box or is not visible, and what has a word of the name nowhere that a name is computed from. Style sheets add
/// punctuation to names, and other cases of letters, so neither is compared.
const LIKELY: &str = "const [selector, words] = arguments;
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
    /// The name that the browser computes for something.
    pub async fn name_of(&self, element: &Element) -> String {
        let name = self.session().get(&format!("/element/{}/computedlabel", element.0)).await;
        self.done("tell a name", name).as_str().unwrap().to_owned()
    }

    /// The visible things of a role and a name.
    pub(super) async fn sees_all(&self, role: &str, name: &str) -> Result<Vec<Element>, Fault> {
        let session = self.session();
        let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        let words = words.map(str::to_lowercase).collect::<Vec<_>>();
        let candidates = session.script(LIKELY, &[json!(candidates(role)), json!(words)]).await?;
        let mut seen = Vec::new();
        for element in candidates.as_array().into_iter().flatten().filter_map(Element::from_value) {
            let path = |what: &str| format!("/element/{}/{what}", element.0);
            // Of what is not shown WebKit can tell neither.
            if session.get(&path("displayed")).await? == true
                && session.get(&path("computedlabel")).await? == name
                && (role == "field" || same_role(role, &session.get(&path("computedrole")).await?))
            {
                seen.push(element);
            }
        }
        Ok(seen)
    }
}

/// Engines still differ in what they call an image, and a list that folds out.
fn same_role(wanted: &str, computed: &Value) -> bool {
    computed == wanted
        || [("image", "img"), ("combobox", "button")].iter().any(|other| computed == other.1 && wanted == other.0)
}
