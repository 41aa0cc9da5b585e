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

impl Person {
    /// The name that the browser computes for something.
    pub async fn name_of(&self, element: &Element) -> String {
        let name = self.session().get(&format!("/element/{}/computedlabel", element.0)).await;
        self.done("tell a name", name).as_str().unwrap().to_owned()
    }

    /// The visible things of a role and a name.
    pub(super) async fn sees_all(&self, role: &str, name: &str) -> Result<Vec<Element>, Fault> {
        let session = self.session();
        let candidates = json!({ "using": "css selector", "value": candidates(role) });
        let candidates = session.post("/elements", candidates).await?;
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
