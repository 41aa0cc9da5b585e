//! Dependencies between modules point one way: at no level of a crate do sibling modules form a cycle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path as FilePath,
};

use support::root;

/// A path of modules, or of modules and an item.
type Path = Vec<String>;

/// The modules of a crate, each with the paths that its source names.
struct Crate {
    /// What each module names, as paths from the crate's root.
    named: BTreeMap<Path, BTreeSet<Path>>,
}

/// Splits source into identifiers and punctuation, without comments, strings and tests.
fn tokens(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = source.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    let mut tokens = vec![String::new()];
    for char in lines.collect::<Vec<_>>().join("\n").chars() {
        let is_word = char.is_alphanumeric() || char == '_';
        let last = tokens.last_mut().unwrap();
        let continues = last.chars().all(|char| char.is_alphanumeric() || char == '_');
        match (is_word, continues) {
            (true, true) => last.push(char),
            (false, _) if char.is_whitespace() => tokens.push(String::new()),
            (false, _) if char == ':' && last == ":" => last.push(':'),
            _ => tokens.push(char.to_string()),
        }
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// Reads the paths that begin at `tokens`, and continue `from`: several if there is a group in braces. Returns the rest.
fn paths<'t>(mut tokens: &'t [String], from: &Path, found: &mut BTreeSet<Path>) -> &'t [String] {
    let mut path = from.clone();
    while let [first, rest @ ..] = tokens {
        if first == "{" {
            tokens = rest;
            while let [first, ..] = tokens {
                match first.as_str() {
                    "}" => return &tokens[1..],
                    "," => tokens = &tokens[1..],
                    _ => tokens = paths(tokens, &path, found),
                }
            }
            return tokens;
        }
        path.push(first.clone());
        match rest {
            [colons, rest @ ..] if colons == "::" => tokens = rest,
            [alias, _, rest @ ..] if alias == "as" => {
                found.insert(path);
                return rest;
            }
            _ => {
                found.insert(path);
                return rest;
            }
        }
    }
    tokens
}

/// All paths in a module's source that begin in its own crate, from the crate's root.
fn named(source: &str, module: &Path, children: &BTreeSet<String>) -> BTreeSet<Path> {
    let tokens = tokens(source);
    let mut found = BTreeSet::new();
    for at in 0..tokens.len() {
        let begins = at == 0 || tokens[at - 1] != "::";
        let goes_on = tokens.get(at + 1).is_some_and(|next| next == "::");
        if !begins || !goes_on {
            continue;
        }
        let mut rest = &tokens[at + 2..];
        let mut from = match tokens[at].as_str() {
            "crate" => Path::new(),
            "self" => module.clone(),
            "super" => module[..module.len().saturating_sub(1)].to_vec(),
            child if children.contains(child) => {
                rest = &tokens[at..];
                module.clone()
            }
            _ => continue,
        };
        while let [up, colons, more @ ..] = rest
            && up == "super"
            && colons == "::"
        {
            from.pop();
            rest = more;
        }
        paths(rest, &from, &mut found);
    }
    found
}

impl Crate {
    fn read(source: &FilePath) -> Self {
        let mut files = BTreeMap::new();
        collect(source, &Path::new(), &mut files);
        let modules = files.keys().cloned().collect::<Vec<_>>();
        let children = |of: &Path| {
            let inside = modules.iter().filter(|path| path.len() == of.len() + 1 && path.starts_with(of));
            inside.filter_map(|path| path.last().cloned()).collect::<BTreeSet<_>>()
        };
        let named = files.iter().map(|(module, source)| (module.clone(), named(source, module, &children(module))));
        Self { named: named.collect() }
    }

    /// The module in which a path's item is defined, followed through re-exports.
    fn module_of(&self, path: &Path, depth: usize) -> Path {
        let mut module = path.clone();
        while !self.named.contains_key(&module) {
            module.pop();
        }
        let Some(item) = path.get(module.len()).filter(|_| depth < 8) else { return module };
        // An item that the module itself names from one of its children is defined there.
        let from_child =
            self.named[&module].iter().find(|named| named.last() == Some(item) && named.len() > module.len() + 1);
        match from_child.filter(|named| named.starts_with(&module)) {
            Some(named) => self.module_of(named, depth + 1),
            None => module,
        }
    }

    /// The dependencies among sibling modules, by their parent.
    fn siblings(&self) -> BTreeMap<Path, BTreeMap<String, BTreeSet<String>>> {
        let mut siblings = BTreeMap::<_, BTreeMap<_, BTreeSet<_>>>::new();
        for (module, named) in &self.named {
            for path in named {
                let target = self.module_of(path, 0);
                let common = module.iter().zip(&target).take_while(|(one, other)| one == other).count();
                if let (Some(from), Some(to)) = (module.get(common), target.get(common)) {
                    let edges = siblings.entry(module[..common].to_vec()).or_default();
                    edges.entry(from.clone()).or_default().insert(to.clone());
                }
            }
        }
        siblings
    }
}

fn collect(folder: &FilePath, parent: &Path, files: &mut BTreeMap<Path, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let module = [parent.as_slice(), std::slice::from_ref(&name)].concat();
        if name == "tests" {
            continue;
        }
        if path.is_dir() {
            collect(&path, &module, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "main" {
            let module = if matches!(name.as_str(), "mod" | "lib") { parent.clone() } else { module };
            files.insert(module, fs::read_to_string(&path).unwrap());
        }
    }
}

/// A cycle among these, if there is one.
fn cycle(edges: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit(at: &String, edges: &BTreeMap<String, BTreeSet<String>>, path: &mut Vec<String>) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|module| module == at) {
            return Some(path[start..].to_vec());
        }
        path.push(at.clone());
        let found = edges.get(at).into_iter().flatten().find_map(|next| visit(next, edges, path));
        path.pop();
        found
    }
    edges.keys().find_map(|module| visit(module, edges, &mut Vec::new()))
}

#[test]
fn modules_form_no_cycle() {
    let mut cycles = Vec::new();
    for folder in ["wire", "room", "server", "stretch", "web-crypto"] {
        let siblings = Crate::read(&root().join(folder).join("src")).siblings();
        if folder == "server" {
            let top = &siblings[&Path::new()];
            assert!(top["listen"].contains("store") && top["store"].contains("outbox"), "{top:?}");
        }
        for (parent, edges) in siblings {
            let cycle = cycle(&edges).map(|cycle| cycle.join(" → "));
            cycles.extend(cycle.map(|cycle| format!("{folder}/src/{}: {cycle}", parent.join("/"))));
        }
    }
    assert!(cycles.is_empty(), "{cycles:#?}");
}

#[test]
fn paths_are_read_with_groups_and_aliases() {
    let source = "use super::{a, b::{C, d::*}, E as F};\n// crate::not\nlet x = crate::g::h(self::i::J);";
    let found = named(source, &vec!["m".to_owned(), "n".to_owned()], &BTreeSet::new());
    let found = found.iter().map(|path| path.join("::")).collect::<Vec<_>>();
    assert_eq!(found, ["g::h", "m::E", "m::a", "m::b::C", "m::b::d::*", "m::n::i::J"]);
    let edge = |from: &str, to: &str| (from.to_owned(), BTreeSet::from([to.to_owned()]));
    let edges = BTreeMap::from([edge("a", "b"), edge("b", "c"), edge("c", "b")]);
    assert_eq!(cycle(&edges), Some(vec!["b".to_owned(), "c".to_owned()]));
}
