//! Tests that the files of the console do not import each other in large circles: a feature can be
//! read, changed and removed without the others. Reads the source text; an import counts for the file
//! that declares the name, whatever re-exports it on the way.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Largest number of files that may import each other in a circle.
const LARGEST: usize = 6;

/// A module, as the segments of its path below the console.
type Module = Vec<String>;

/// The uses of a file: names with the paths they stand for.
#[derive(Default)]
struct Uses {
    private: Vec<(String, Module)>,
    public: BTreeMap<String, Module>,
}

#[test]
fn no_circle_of_imports_is_large() {
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console"), &[]);
    assert!(files.len() > 100, "only {} files", files.len());
    for circle in circles(&imports(&files)) {
        let names: Vec<String> = circle.iter().map(|module| module.join("/")).collect();
        assert!(
            circle.len() <= LARGEST,
            "{} files import each other: {names:#?}",
            circle.len()
        );
    }
}

#[test]
fn circles_are_found_through_groups_aliases_and_reexports() {
    let file = |path: &[&str], text: &str| {
        let module: Module = path.iter().map(ToString::to_string).collect();
        (module, text.to_owned())
    };
    let files = BTreeMap::from([
        file(&[], "pub mod a;\npub mod b;\npub mod c;"),
        file(
            &["a"],
            "use super::{b::{self, Thing as Other}, c};\nfn f() { c::g(); }",
        ),
        file(&["b"], "pub use inner::Thing;\nmod inner;"),
        file(&["b", "inner"], "use crate::console::c::g; // crate::console::a"),
        file(
            &["c"],
            "fn h() { crate::console::a::f(); }\n#[cfg(test)]\nmod tests {\n    use crate::console::b::inner;\n}",
        ),
    ]);
    let graph = imports(&files);
    let names = |module: &[&str]| -> Vec<String> {
        let module: Module = module.iter().map(ToString::to_string).collect();
        graph[&module].iter().map(|to| to.join("/")).collect()
    };
    assert_eq!(names(&["a"]), ["b", "b/inner", "c"]);
    assert_eq!(names(&["b", "inner"]), ["c"]);
    assert_eq!(names(&["c"]), ["a"]);
    let circles = circles(&graph);
    let sizes: Vec<usize> = circles.iter().map(BTreeSet::len).collect();
    assert_eq!(sizes, [3]);
}

/// Returns the text of every production file below `folder`, by module.
fn sources(folder: &Path, module: &[String]) -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut inner = module.to_vec();
        if path.is_dir() {
            if name != "tests" && name != "snapshots" {
                inner.push(name);
                found.extend(sources(&path, &inner));
            }
        } else if path.extension().is_some_and(|kind| kind == "rs")
            && !["lib", "tests"].contains(&name.as_str())
        {
            if name != "mod" {
                inner.push(name);
            }
            found.insert(inner, fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// Returns which files each file imports.
fn imports(files: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let code: BTreeMap<&Module, String> = files.iter().map(|(module, text)| (module, code(text))).collect();
    let uses: BTreeMap<&Module, Uses> = code
        .iter()
        .map(|(module, code)| (*module, uses(code, module, files)))
        .collect();
    let mut graph = BTreeMap::new();
    for (module, code) in &code {
        let own = &uses[*module];
        let mut to = BTreeSet::new();
        let mut add = |path: &[String]| {
            to.extend(declared(path, files, &uses, 0).filter(|other| other != *module));
        };
        let body = without_uses(code);
        for (name, path) in &own.private {
            // A module is used through the names in it.
            if !files.contains_key(path) || !body.contains(&format!("{name}::")) {
                add(path);
            }
        }
        for path in paths(&body) {
            let alias = own.private.iter().find(|(name, _)| *name == path[0]);
            let alias = alias.map(|(_, path)| path).or_else(|| own.public.get(&path[0]));
            let whole = match alias {
                Some(start) => Some([start.as_slice(), &path[1..]].concat()),
                None => absolute(&path, module, files),
            };
            if let Some(whole) = whole {
                add(&whole);
            }
        }
        graph.insert((*module).clone(), to);
    }
    graph
}

/// Returns `text` without comments, strings and what is compiled only for tests.
fn code(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let mut depth = 0_i64;
            for line in lines.by_ref() {
                depth += line.matches('{').count() as i64 - line.matches('}').count() as i64;
                if depth <= 0 && (line.trim_end().ends_with(';') || line.contains('}')) {
                    break;
                }
            }
            continue;
        }
        let line = line.split("//").next().unwrap_or_default();
        out.push_str(line);
        out.push('\n');
    }
    let mut bare = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for letter in out.chars() {
        match letter {
            '"' if !escaped => quoted = !quoted,
            _ if !quoted => bare.push(letter),
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
    }
    bare
}

/// Returns the `use` declarations of `code`: whether each is public, and its tree.
fn declarations(code: &str) -> Vec<(bool, &str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let line = code[..at]
            .rsplit(['\n', ';', '}'])
            .next()
            .unwrap_or_default()
            .trim();
        let public = line.starts_with("pub");
        if !line.is_empty() && !public {
            continue;
        }
        let tree = code[at + 4..].split(';').next().unwrap_or_default();
        found.push((public, tree));
    }
    found
}

fn without_uses(code: &str) -> String {
    let mut body = code.to_owned();
    for (_, tree) in declarations(code) {
        body = body.replacen(&format!("use {tree};"), "", 1);
    }
    body
}

fn uses(code: &str, module: &Module, files: &BTreeMap<Module, String>) -> Uses {
    let mut uses = Uses::default();
    for (public, tree) in declarations(code) {
        let mut names = Vec::new();
        expand(tree, &[], &mut names);
        for (name, path) in names {
            let Some(path) = absolute(&path, module, files) else {
                continue;
            };
            if public {
                uses.public.insert(name, path);
            } else {
                uses.private.push((name, path));
            }
        }
    }
    uses
}

/// Expands a use tree to names with their paths.
fn expand(tree: &str, prefix: &[String], names: &mut Vec<(String, Module)>) {
    let tree = tree.trim();
    if let Some((start, group)) = tree.split_once('{') {
        let mut prefix = prefix.to_vec();
        let segments = start.split("::").map(str::trim).filter(|part| !part.is_empty());
        prefix.extend(segments.map(str::to_owned));
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        let (mut depth, mut from) = (0, 0);
        for (at, letter) in group.char_indices().chain([(group.len(), ',')]) {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(&group[from..at], &prefix, names);
                    from = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    if tree.is_empty() {
        return;
    }
    let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
    let mut whole = prefix.to_vec();
    whole.extend(path.split("::").map(|part| part.trim().to_owned()));
    if whole.last().is_some_and(|last| last == "self") {
        whole.pop();
    }
    let last = whole.last().cloned().unwrap_or_default();
    let name = if alias.is_empty() {
        last
    } else {
        alias.trim().to_owned()
    };
    names.push((name, whole));
}

/// Returns the path below the console that `path` stands for in `module`.
fn absolute(path: &[String], module: &Module, files: &BTreeMap<Module, String>) -> Option<Module> {
    match path.first()?.as_str() {
        "crate" => (path.get(1)? == "console").then(|| path[2..].to_vec()),
        "self" => Some([module.as_slice(), &path[1..]].concat()),
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            let base = module.get(..module.len().checked_sub(ups)?)?;
            Some([base, &path[ups..]].concat())
        }
        first => {
            let inner = [module.as_slice(), &[first.to_owned()]].concat();
            files
                .contains_key(&inner)
                .then(|| [module.as_slice(), path].concat())
        }
    }
}

/// Returns the file that declares what `path` names.
fn declared(
    path: &[String],
    files: &BTreeMap<Module, String>,
    uses: &BTreeMap<&Module, Uses>,
    depth: usize,
) -> Option<Module> {
    let known = (0..=path.len())
        .rev()
        .find(|length| files.contains_key(&path[..*length]))?;
    let module = path[..known].to_vec();
    let next = path
        .get(known)
        .and_then(|name| uses.get(&module)?.public.get(name));
    match next {
        Some(next) if depth < 8 => {
            let whole = [next.as_slice(), &path[known + 1..]].concat();
            declared(&whole, files, uses, depth + 1)
        }
        _ => Some(module),
    }
}

/// Returns every path of two segments or more in `body`.
fn paths(body: &str) -> Vec<Vec<String>> {
    let part_of_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    body.split(|letter| !part_of_path(letter))
        .filter(|word| word.contains("::"))
        .map(|word| {
            let parts = word.split("::").filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|path| path.len() > 1)
        .collect()
}

/// Returns the sets of files that import each other, directly or through others.
fn circles(graph: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<BTreeSet<Module>> {
    let reached = |from: &Module| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Module> = graph[from].iter().collect();
        while let Some(module) = open.pop() {
            if seen.insert(module.clone()) {
                open.extend(graph.get(module).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        graph.keys().map(|from| (from, reached(from))).collect();
    let mut circles: Vec<BTreeSet<Module>> = Vec::new();
    for (from, to) in &reached {
        if !to.contains(*from) || circles.iter().any(|circle| circle.contains(*from)) {
            continue;
        }
        let back = to
            .iter()
            .filter(|other| reached.get(other).is_some_and(|to| to.contains(*from)));
        circles.push(back.cloned().collect());
    }
    circles
}
