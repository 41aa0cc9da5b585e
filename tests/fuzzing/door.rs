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

/// A body that is taken is an object, and each of its fields says what was read.
fn check_as<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(Object(body)) = serde_json::from_slice::<Object<T>>(bytes) else { return };
    // An unknown field is passed over: it may hold a number that no value can.
    let Ok(said) = serde_json::from_slice::<Value>(bytes) else { return };
    let said = said.as_object().expect("an object");
    for (name, read) in serde_json::to_value(body).unwrap().as_object().unwrap() {
        assert_eq!(said.get(name), Some(read));
    }
}
