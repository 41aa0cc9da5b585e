use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use wire::door::{Admission, CreateRequest, JoinRequest, LeaveRequest, Object, SaltAnswer, SaltRequest};

pub fn check(bytes: &[u8]) {
    check_as::<SaltRequest>(bytes);
    check_as::<SaltAnswer>(bytes);
    check_as::<CreateRequest>(bytes);
    check_as::<JoinRequest>(bytes);
    check_as::<Admission>(bytes);
    check_as::<LeaveRequest>(bytes);
}

/// An accepted body is an object, and each of its fields has the value that was parsed.
fn check_as<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(Object(body)) = serde_json::from_slice::<Object<T>>(bytes) else { return };
    // The parser ignores unknown fields, which may contain numbers that `Value` cannot represent.
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let fields = value.as_object().expect("an object");
    for (name, parsed) in serde_json::to_value(body).unwrap().as_object().unwrap() {
        assert_eq!(fields.get(name), Some(parsed));
    }
}
