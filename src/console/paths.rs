//! Completes paths in fields that name a file: the upload dialog and the palette.
//!
//! The shell lists the directory of the typed path. Only one directory is kept.

use super::Model;
use super::effect::Effect;
use super::model::Setting;
use super::msg::Folder;
use super::state::state;
use super::upload;

/// Largest number of names listed of a directory.
pub const MOST: usize = 2_000;

/// The directory that completes the typed path.
#[derive(Clone, Debug, Default)]
struct Listed(Option<Folder>);

state!(Listed);

/// A typed path: its prefix (`oci-archive:`), the directory as typed, and the rest.
struct TypedPath<'a> {
    transport: &'a str,
    folder: &'a str,
    name: &'a str,
}

/// Parses the path in `text`, if it is one. `images` is whether the resource of the field contains
/// images: then a path needs a prefix; a file needs none.
fn path_in(text: &str, images: Option<bool>) -> Option<TypedPath<'_>> {
    let bare = match images {
        Some(images) => !images,
        None => text.starts_with(['/', '~', '.']),
    };
    let (transport, path) = match text.split_once(':') {
        Some((name, path)) if upload::WITH_PATH.contains(&name) => (text.get(..=name.len())?, path),
        _ if bare => ("", text),
        _ => return None,
    };
    let cut = path.rfind('/').map_or(0, |at| at + 1);
    let (folder, name) = path.split_at_checked(cut)?;
    Some(TypedPath {
        transport,
        folder,
        name,
    })
}

/// Returns the absolute directory, without a trailing slash unless it is the root.
fn absolute(setting: &Setting, folder: &str) -> String {
    let path = upload::absolute(setting, if folder.is_empty() { "." } else { folder });
    let short = path.trim_end_matches("/.").trim_end_matches('/');
    if short.is_empty() {
        "/".to_owned()
    } else {
        short.to_owned()
    }
}

/// Requests the names of the typed directory, if they are not known.
pub fn ask(model: &mut Model) -> Vec<Effect> {
    let dialog = model.modal.as_deref();
    let Some((text, images)) = dialog.and_then(|dialog| dialog.typed_path(model)) else {
        return Vec::new();
    };
    let Some(path) = path_in(text.trim_start(), images) else {
        return Vec::new();
    };
    let folder = absolute(&model.setting, path.folder);
    let known = model.state::<Listed>().0.as_ref();
    if known.is_some_and(|known| known.path == folder) {
        return Vec::new();
    }
    model.state_mut::<Listed>().0 = Some(Folder {
        path: folder.clone(),
        names: Vec::new(),
    });
    vec![Effect::ListFolder(folder)]
}

/// Returns the directory that completes the typed path.
pub fn folder(model: &Model) -> Option<&Folder> {
    model.state::<Listed>().0.as_ref()
}

/// Replaces the directory that completes the typed path.
#[cfg(test)]
pub fn set_folder(model: &mut Model, folder: Folder) {
    model.state_mut::<Listed>().0 = Some(folder);
}

/// Stores the names of a directory.
pub fn listed(model: &mut Model, found: Folder) {
    if let Some(folder) = &mut model.state_mut::<Listed>().0
        && folder.path == found.path
    {
        *folder = found;
    }
}

/// Returns the paths that complete `text`. `images` is whether the resource of the field contains
/// images, if known.
pub fn known(model: &Model, text: &str, images: Option<bool>) -> Vec<String> {
    let (Some(path), Some(folder)) = (path_in(text.trim_start(), images), &model.state::<Listed>().0) else {
        return Vec::new();
    };
    if folder.path != absolute(&model.setting, path.folder) {
        return Vec::new();
    }
    let names = folder.names.iter().filter(|name| {
        // Hidden files are offered only once their dot is typed.
        name.starts_with(path.name) && (path.name.starts_with('.') || !name.starts_with('.'))
    });
    names
        .map(|name| format!("{}{}{name}", path.transport, path.folder))
        .collect()
}

/// Returns the longest common prefix of `texts`.
pub fn common_start(texts: &[String]) -> &str {
    let Some((first, rest)) = texts.split_first() else {
        return "";
    };
    let same = |other: &String| {
        let alike = first.char_indices().zip(other.chars());
        alike
            .take_while(|((_, a), b)| a == b)
            .last()
            .map_or(0, |((at, a), _)| at + a.len_utf8())
    };
    let length = rest.iter().map(same).min().unwrap_or(first.len());
    first.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_a_name() {
        let parts = |text: &'static str, images| {
            path_in(text, images).map(|path| (path.transport, path.folder, path.name))
        };
        assert_eq!(parts("/tmp/im", None), Some(("", "/tmp/", "im")));
        assert_eq!(parts("~/im", None), Some(("", "~/", "im")));
        assert_eq!(parts("./", None), Some(("", "./", "")));
        assert_eq!(parts("finos/legend-engine:4.1", None), None);
        for images in [None, Some(true)] {
            assert_eq!(parts("oci-archive:im", images), Some(("oci-archive:", "", "im")));
        }
        assert_eq!(parts("im", Some(false)), Some(("", "", "im")));
        for path in ["/tmp/im", "~/im", "./", "im"] {
            assert_eq!(parts(path, Some(true)), None, "a bare file is not an image");
        }
    }

    #[test]
    fn what_all_begin_with() {
        let start = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
            common_start(&texts).to_owned()
        };
        assert_eq!(start(&["image.tar", "image-2.tar"]), "image");
        assert_eq!(start(&["é1", "éa"]), "é");
        assert_eq!(start(&["one"]), "one");
        assert_eq!(start(&["a", "b"]), "");
        assert_eq!(start(&[]), "");
    }
}
