//! Embeds the 42 release manifests of finos/legend, as upstream published them.
//!
//! Parses them leniently for the initial data. windlass itself reads them through the demo GitHub.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Holds the parts of a manifest that the initial data needs.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// The release's name.
    pub version: String,
    /// When it was made, in milliseconds since 1970.
    pub timestamp: i64,
    /// Repository on Docker Hub -> tag.
    pub core: BTreeMap<String, String>,
}

/// Name and text of every manifest, in order of the names.
pub const MANIFESTS: [(&str, &str); 42] = [
    (
        "2021-02-03",
        include_str!("../../assets/demo/releases/2021-02-03.json"),
    ),
    (
        "2021-02-08",
        include_str!("../../assets/demo/releases/2021-02-08.json"),
    ),
    (
        "2021-02-09",
        include_str!("../../assets/demo/releases/2021-02-09.json"),
    ),
    (
        "2021-02-12",
        include_str!("../../assets/demo/releases/2021-02-12.json"),
    ),
    (
        "2021-02-17",
        include_str!("../../assets/demo/releases/2021-02-17.json"),
    ),
    (
        "2021-02-18",
        include_str!("../../assets/demo/releases/2021-02-18.json"),
    ),
    (
        "2021-03-03",
        include_str!("../../assets/demo/releases/2021-03-03.json"),
    ),
    (
        "2021-03-09",
        include_str!("../../assets/demo/releases/2021-03-09.json"),
    ),
    (
        "2021-03-12",
        include_str!("../../assets/demo/releases/2021-03-12.json"),
    ),
    (
        "2021-03-15",
        include_str!("../../assets/demo/releases/2021-03-15.json"),
    ),
    (
        "2021-03-16",
        include_str!("../../assets/demo/releases/2021-03-16.json"),
    ),
    (
        "2021-03-18",
        include_str!("../../assets/demo/releases/2021-03-18.json"),
    ),
    (
        "2021-03-22",
        include_str!("../../assets/demo/releases/2021-03-22.json"),
    ),
    (
        "2021-03-24",
        include_str!("../../assets/demo/releases/2021-03-24.json"),
    ),
    (
        "2021-03-26",
        include_str!("../../assets/demo/releases/2021-03-26.json"),
    ),
    (
        "2021-03-31",
        include_str!("../../assets/demo/releases/2021-03-31.json"),
    ),
    (
        "2021-06-09",
        include_str!("../../assets/demo/releases/2021-06-09.json"),
    ),
    (
        "2021-07-08",
        include_str!("../../assets/demo/releases/2021-07-08.json"),
    ),
    (
        "2021-10-18",
        include_str!("../../assets/demo/releases/2021-10-18.json"),
    ),
    (
        "2022-04-26",
        include_str!("../../assets/demo/releases/2022-04-26.json"),
    ),
    (
        "2022-05-05",
        include_str!("../../assets/demo/releases/2022-05-05.json"),
    ),
    (
        "2023-05-24",
        include_str!("../../assets/demo/releases/2023-05-24.json"),
    ),
    (
        "2023-05-30",
        include_str!("../../assets/demo/releases/2023-05-30.json"),
    ),
    (
        "2023-06-12",
        include_str!("../../assets/demo/releases/2023-06-12.json"),
    ),
    (
        "2023-06-22",
        include_str!("../../assets/demo/releases/2023-06-22.json"),
    ),
    (
        "2023-06-26",
        include_str!("../../assets/demo/releases/2023-06-26.json"),
    ),
    (
        "2023-06-27",
        include_str!("../../assets/demo/releases/2023-06-27.json"),
    ),
    (
        "2023-07-02",
        include_str!("../../assets/demo/releases/2023-07-02.json"),
    ),
    (
        "2023-07-02_1",
        include_str!("../../assets/demo/releases/2023-07-02_1.json"),
    ),
    (
        "2023-07-03",
        include_str!("../../assets/demo/releases/2023-07-03.json"),
    ),
    (
        "2023-07-03_1",
        include_str!("../../assets/demo/releases/2023-07-03_1.json"),
    ),
    (
        "2023-07-03_2",
        include_str!("../../assets/demo/releases/2023-07-03_2.json"),
    ),
    (
        "2023-07-03_3",
        include_str!("../../assets/demo/releases/2023-07-03_3.json"),
    ),
    (
        "2023-07-03_4",
        include_str!("../../assets/demo/releases/2023-07-03_4.json"),
    ),
    (
        "2023-09-01",
        include_str!("../../assets/demo/releases/2023-09-01.json"),
    ),
    (
        "2023-11-07",
        include_str!("../../assets/demo/releases/2023-11-07.json"),
    ),
    (
        "2023-11-08",
        include_str!("../../assets/demo/releases/2023-11-08.json"),
    ),
    (
        "2023-12-05",
        include_str!("../../assets/demo/releases/2023-12-05.json"),
    ),
    (
        "2024-01-06",
        include_str!("../../assets/demo/releases/2024-01-06.json"),
    ),
    (
        "2024-01-08",
        include_str!("../../assets/demo/releases/2024-01-08.json"),
    ),
    (
        "2025-01-06",
        include_str!("../../assets/demo/releases/2025-01-06.json"),
    ),
    (
        "2025-01-27",
        include_str!("../../assets/demo/releases/2025-01-27.json"),
    ),
];

/// The releases that were published to the store, with the number of days it took.
pub const PUBLISHED: [(&str, f64); 8] = [
    ("2022-04-26", 8.8),
    ("2022-05-05", 5.8),
    ("2023-05-30", 71.8),
    ("2023-06-27", 44.9),
    ("2023-07-03_4", 39.2),
    ("2023-09-01", 1.4),
    ("2023-11-08", 173.4),
    ("2023-12-05", 145.7),
];

/// Parses every manifest, in order of the names.
pub fn all() -> Vec<Manifest> {
    MANIFESTS
        .iter()
        .filter_map(|(_, text)| serde_json::from_str(text).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_parses_and_names_itself() {
        let all = all();
        assert_eq!(all.len(), MANIFESTS.len());
        for (manifest, (name, _)) in all.iter().zip(MANIFESTS) {
            assert_eq!(manifest.version, name);
        }
        let pairs: std::collections::BTreeSet<_> = all
            .iter()
            .flat_map(|manifest| manifest.core.clone())
            .filter(|(repository, _)| repository.starts_with("finos/"))
            .collect();
        assert_eq!(pairs.len(), 77);
    }
}
