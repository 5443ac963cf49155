//! Tests of the store: round trips, damage, atomicity and errors.

use object_store::memory::InMemory;

use super::*;

fn stores(folder: &Path) -> [ArtifactStore; 2] {
    let local = ArtifactStore::local(&folder.join("store")).unwrap();
    [local, ArtifactStore::new(Arc::new(InMemory::new()), "memory")]
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[0] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn bytes_and_files_come_back_as_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    // More than one upload part of 10 MB, and not a whole number of chunks.
    let large = (0..12_000_001_u32).map(|i| i as u8).collect::<Vec<_>>();
    fs::write(&input, &large).unwrap();
    for store in stores(folder.path()) {
        for bytes in [Vec::new(), b"small".to_vec()] {
            let artifact = store.put_bytes(bytes.clone(), "text/plain").await.unwrap();
            assert_eq!(store.get_bytes(&artifact).await.unwrap(), bytes);
            assert_eq!(artifact.media_type, "text/plain");
        }
        let artifact = store.put_file(&input, "application/octet-stream").await.unwrap();
        assert_eq!((artifact.size, artifact.digest.clone()), (12_000_001, Digest::of(&large)));
        assert!(store.contains(&artifact).await.unwrap());
        let output = folder.path().join("deep/output");
        store.fetch_to(&artifact, &output).await.unwrap();
        store.fetch_to(&artifact, &output).await.unwrap();
        assert_eq!(fs::read(&output).unwrap(), large);
        assert_eq!(fs::read_dir(output.parent().unwrap()).unwrap().count(), 1);
        fs::remove_file(&output).unwrap();
    }
}

#[tokio::test]
async fn the_place_of_an_object_is_its_digest_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(folder.path()).unwrap();
    let artifact = store.put_bytes("x", "../../etc/passwd").await.unwrap();
    let (head, tail) = artifact.digest.hex().split_at(2);
    assert!(folder.path().join("sha256").join(head).join(tail).is_file());
}

#[tokio::test]
async fn a_missing_artifact_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let artifact = ArtifactRef { digest: Digest::of(b"never"), size: 5, media_type: "x".into() };
    for store in stores(folder.path()) {
        assert!(!store.contains(&artifact).await.unwrap());
        let errors = [
            store.get_bytes(&artifact).await.unwrap_err(),
            store.fetch_to(&artifact, &folder.path().join("out")).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
            assert!(error.to_string().contains(artifact.digest.hex()));
        }
    }
}

#[tokio::test]
async fn a_flipped_byte_is_refused_and_healed_by_storing_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = ArtifactStore::local(&folder.path().join("store")).unwrap();
    let artifact = store.put_bytes("the weights", "x").await.unwrap();
    flip_a_byte(&local_path(store.root.as_deref().unwrap(), &artifact.digest));
    let output = folder.path().join("out");
    for error in
        [store.get_bytes(&artifact).await.unwrap_err(), store.fetch_to(&artifact, &output).await.unwrap_err()]
    {
        assert!(error.to_string().contains("is corrupt"), "{error}");
        assert!(error.to_string().contains(artifact.digest.hex()), "{error}");
    }
    assert!(!output.exists());
    store.put_bytes("the weights", "x").await.unwrap();
    assert_eq!(store.get_bytes(&artifact).await.unwrap(), "the weights");
}

#[tokio::test]
async fn damage_in_a_remote_store_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Arc::new(InMemory::new());
    let store = ArtifactStore::new(objects.clone(), "memory");
    let artifact = store.put_bytes("the weights", "x").await.unwrap();
    objects.put(&object_path(&artifact.digest), "the w".into()).await.unwrap();
    let error = store.fetch_to(&artifact, &folder.path().join("out")).await.unwrap_err();
    assert!(error.to_string().contains("its 5 bytes"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_stored_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    fs::write(&input, "after").unwrap();
    let store = ArtifactStore::local(&folder.path().join("store")).unwrap();
    let promised = ArtifactRef { digest: Digest::of(b"before"), size: 6, media_type: "x".into() };
    let error = upload::file(&store, &input, &promised).await.unwrap_err();
    assert!(matches!(error, StoreError::Changed { .. }), "{error:?}");
    assert!(!store.contains(&promised).await.unwrap());
}

#[test]
fn a_full_disk_is_an_error_of_its_own_that_says_what_to_do() {
    let full = || io::Error::from_raw_os_error(28);
    for error in [
        StoreError::of("/state/store", "write", generic(full().into())),
        StoreError::io(Path::new("/state/store"), "write", full()),
    ] {
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
        assert!(error.to_string().contains("/state/store; free some space"), "{error}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = ArtifactStore::local(&file.join("store")).unwrap_err();
    assert!(error.to_string().contains("file/store"), "{error}");
}
