//! Each rule of the tree, shown to fail on a tree made by hand; and the real one.

use std::path::{Path, PathBuf};

use super::check;
use crate::workspace::Workspace;

/// A tree of one good crate in a folder of its own, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("xtask-tidy-{name}-{}", std::process::id()));
        let tree = Self(root);
        for folder in ["bins", "tests", "benches"] {
            std::fs::create_dir_all(tree.0.join(folder)).unwrap();
        }
        tree.write("crates/good/Cargo.toml", "")
            .write("crates/good/README.md", "# Good\n")
            .write("crates/good/src/lib.rs", "\n//! Good.\n")
    }

    fn write(self, path: &str, text: &str) -> Self {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    #[track_caller]
    fn check(self, expect: &[&str]) {
        assert_eq!(check(&self.0).unwrap(), expect);
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn a_good_tree_holds() {
    Tree::new("good").check(&[]);
    Tree::new("attribute")
        .write("crates/good/src/lib.rs", "#![doc = include_str!(\"../README.md\")]")
        .check(&[]);
}

#[test]
fn a_crate_without_its_readme_fails() {
    let tree = Tree::new("readme");
    std::fs::remove_file(tree.0.join("crates/good/README.md")).unwrap();
    tree.check(&["crates/good: has no README.md"]);
}

#[test]
fn a_crate_without_its_docs_fails() {
    let undocumented = &["crates/good/src/lib.rs: does not start with its documentation"];
    Tree::new("docs")
        .write("crates/good/src/lib.rs", "mod a;\n//! Late.\n")
        .check(undocumented);
    Tree::new("empty")
        .write("crates/good/src/lib.rs", "")
        .check(undocumented);
    let tree = Tree::new("lib");
    std::fs::remove_file(tree.0.join("crates/good/src/lib.rs")).unwrap();
    tree.check(&["crates/good: has no src/lib.rs"]);
}

#[track_caller]
fn check_line(name: &str, line: &str, expect: &[&str]) {
    Tree::new(name)
        .write("bins/a/src/main.rs", &format!("//! A.\n{line}\n"))
        .check(expect);
}

#[test]
fn words_that_hide_work_fail() {
    let word = concat!("#[", "ignore");
    let ignored = format!("bins/a/src/main.rs:2: `{word}`: an ignored test tests nothing: fix it or delete it");
    check_line("ignore", &format!("{word}]"), &[&ignored]);
    check_line("ignore-why", &format!("#[test] {word} = \"slow\"]"), &[&ignored]);
    let allowed = &["bins/a/src/main.rs:2: `#[allow(`: say `#[expect(.., reason = \"..\")]`"];
    check_line("allow", "#[allow(dead_code)]", allowed);
    let allowed = &["bins/a/src/main.rs:2: `#![allow(`: say `#![expect(.., reason = \"..\")]`"];
    check_line("allow-all", "#![allow(dead_code)]", allowed);
    for word in [concat!("todo", "!("), concat!("unimplemented", "!(")] {
        let undone = format!("bins/a/src/main.rs:2: `{word}`: do it, or file an issue");
        check_line("undone", &format!("fn a() {{ {word}) }}"), &[&undone]);
    }
    let fix = concat!("FIX", "ME");
    let later = format!("bins/a/src/main.rs:2: `{fix}`: fix it, or file an issue");
    check_line("fix", &format!("// {fix}: later"), &[&later]);
}

#[test]
fn words_in_comments_and_quotes_hold() {
    let (ignore, todo) = (concat!("#[", "ignore"), concat!("todo", "!("));
    check_line("comment", &format!("// no {ignore}], no {todo})"), &[]);
    check_line("quote", "let a = \"\\\" #[allow(\"; let b = '\"'; let c = '\"';", &[]);
    let after = format!("bins/a/src/main.rs:2: `{todo}`: do it, or file an issue");
    check_line(
        "after",
        &format!("let url = \"http://a\"; let quote = '\"'; {todo})"),
        &[&after],
    );
}

#[test]
fn fuzz_folders_are_not_read() {
    Tree::new("fuzz")
        .write("crates/good/fuzz/a.rs", "#[allow(dead_code)]")
        .check(&[]);
}

#[test]
fn long_files_fail_and_their_tests_do_not_count() {
    let lines = "//\n".repeat(801);
    let long = &["benches/a.rs: 801 lines, more than 800: cut it by subject"];
    Tree::new("long").write("benches/a.rs", &lines).check(long);
    Tree::new("long-test")
        .write("crates/good/tests/it/main.rs", &lines)
        .check(&[]);
    Tree::new("long-unit")
        .write("crates/good/src/a/tests.rs", &lines)
        .check(&[]);
    let tested = format!("//\n#[cfg(test)]\nmod tests {{\n{lines}}}\n");
    Tree::new("tested").write("benches/a.rs", &tested).check(&[]);
}

#[test]
fn a_tree_that_is_not_there_fails() {
    assert!(check(Path::new("/nowhere")).is_err());
}

#[test]
fn the_real_tree_is_tidy() {
    let workspace = Workspace::find().unwrap();
    assert_eq!(check(workspace.root()).unwrap(), [""; 0]);
}
