//! Names that other people's tables have for modules of the registry.

/// A name, the module that it stands for, and words that it adds to the row's arguments.
const ALIASES: [(&str, &str, &[&str]); 5] = [
    ("MobileNetV2_Block", "InvertedResidual", &[]),
    ("C3_GhostModule", "C3DynamicGhost", &[]),
    ("C2f_GhostModule", "C2fDynamicGhost", &[]),
    ("RepVGGBlock", "RepVGG", &[]),
    // The well-known YOLOv5 adaptation fuses its levels one after the other.
    ("ASFF_Detect", "ASFFDetect", &["sequential"]),
];

/// The module that a name stands for, and the words that the name adds; most stand for themselves.
pub(super) fn registered(name: &str) -> (&str, &'static [&'static str]) {
    let alias = ALIASES.iter().find(|(alias, ..)| *alias == name);
    alias.map_or((name, &[]), |(_, module, words)| (*module, *words))
}
