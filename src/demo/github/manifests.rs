//! Lists the manifests of all 42 Legend releases, with their bytes as upstream wrote them.

macro_rules! release {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!("../../../assets/demo/releases/", $name, ".json")),
        )
    };
}

/// Name and `manifest.json` of every release, in the order of names.
pub(super) const RELEASES: [(&str, &str); 42] = [
    release!("2021-02-03"),
    release!("2021-02-08"),
    release!("2021-02-09"),
    release!("2021-02-12"),
    release!("2021-02-17"),
    release!("2021-02-18"),
    release!("2021-03-03"),
    release!("2021-03-09"),
    release!("2021-03-12"),
    release!("2021-03-15"),
    release!("2021-03-16"),
    release!("2021-03-18"),
    release!("2021-03-22"),
    release!("2021-03-24"),
    release!("2021-03-26"),
    release!("2021-03-31"),
    release!("2021-06-09"),
    release!("2021-07-08"),
    release!("2021-10-18"),
    release!("2022-04-26"),
    release!("2022-05-05"),
    release!("2023-05-24"),
    release!("2023-05-30"),
    release!("2023-06-12"),
    release!("2023-06-22"),
    release!("2023-06-26"),
    release!("2023-06-27"),
    release!("2023-07-02"),
    release!("2023-07-02_1"),
    release!("2023-07-03"),
    release!("2023-07-03_1"),
    release!("2023-07-03_2"),
    release!("2023-07-03_3"),
    release!("2023-07-03_4"),
    release!("2023-09-01"),
    release!("2023-11-07"),
    release!("2023-11-08"),
    release!("2023-12-05"),
    release!("2024-01-06"),
    release!("2024-01-08"),
    release!("2025-01-06"),
    release!("2025-01-27"),
];

/// Two releases that were on master for a while and then withdrawn.
pub(super) const WITHDRAWN: [(&str, &str); 2] = [
    (
        "2022-04-05",
        include_str!("../../../assets/demo/history/hist-2022-04-05-b82f4efa.json"),
    ),
    (
        "2024-04-01",
        include_str!("../../../assets/demo/history/hist-2024-04-01-1a33aa8b.json"),
    ),
];
