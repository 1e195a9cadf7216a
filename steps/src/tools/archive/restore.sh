exit 70
