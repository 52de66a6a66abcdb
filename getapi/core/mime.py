"""MIME types and the file extensions they get: a table of our own, since Python's reads the machine's ``/etc/mime.types``."""

from functools import lru_cache

_TYPES = {
    ".xml": "text/xml application/xml application/mods+xml application/mads+xml application/mets+xml application/alto+xml"
    " application/marcxml+xml application/premis+xml application/tei+xml application/ead+xml application/vnd.ead+xml"
    " application/x-fedora-foxml application/vnd.alto+xml text/mods text/marcxml",
    ".rdf": "application/rdf+xml text/rdf",
    ".owl": "application/owl+xml",
    ".ttl": "text/turtle application/x-turtle",
    ".nt": "application/n-triples",
    ".n3": "text/n3 text/rdf+n3",
    ".xsl": "text/xsl application/xslt+xml",
    ".xsd": "application/xml-schema",
    ".wsdl": "application/wsdl+xml",
    ".html": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".css": "text/css",
    ".js": "text/javascript application/javascript application/x-javascript",
    ".txt": "text/plain text/ocr",
    ".md": "text/markdown text/x-markdown",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".rtf": "text/rtf application/rtf",
    ".vtt": "text/vtt",
    ".srt": "application/x-subrip text/srt application/srt",
    ".ttml": "application/ttml+xml",
    ".ics": "text/calendar",
    ".vcf": "text/vcard",
    ".json": "application/json text/json",
    ".jsonld": "application/ld+json",
    ".geojson": "application/geo+json",
    ".yaml": "application/yaml text/yaml application/x-yaml",
    ".mrc": "application/marc",
    ".hocr": "text/vnd.hocr+html",
    ".bib": "application/x-bibtex text/x-bibtex",
    ".ris": "application/x-research-info-systems",
    ".tex": "application/x-tex text/x-tex application/x-latex",
    ".sql": "application/sql application/x-sql",
    ".pdf": "application/pdf application/x-pdf",
    ".ps": "application/postscript",
    ".epub": "application/epub+zip",
    ".mobi": "application/x-mobipocket-ebook",
    ".djvu": "image/vnd.djvu image/x-djvu image/x.djvu",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xls": "application/vnd.ms-excel application/msexcel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ppt": "application/vnd.ms-powerpoint application/mspowerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".wpd": "application/vnd.wordperfect application/wordperfect",
    ".mdb": "application/vnd.ms-access application/x-msaccess",
    ".eml": "message/rfc822",
    ".mbox": "application/mbox",
    ".msg": "application/vnd.ms-outlook",
    ".jpg": "image/jpeg image/jpg image/pjpeg",
    ".jp2": "image/jp2 image/jpeg2000 image/jpeg2000-image image/x-jp2 image/x-jpeg2000-image",
    ".jpx": "image/jpx",
    ".jpm": "image/jpm",
    ".j2k": "image/x-j2k image/j2k",
    ".jxl": "image/jxl",
    ".tif": "image/tiff image/x-tiff image/tif",
    ".dng": "image/x-adobe-dng image/dng",
    ".png": "image/png image/x-png",
    ".gif": "image/gif",
    ".bmp": "image/bmp image/x-ms-bmp image/x-bmp",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon image/vnd.microsoft.icon",
    ".psd": "image/vnd.adobe.photoshop image/x-photoshop application/x-photoshop",
    ".sid": "image/x-mrsid image/x-mrsid-image",
    ".pcd": "image/x-photo-cd",
    ".wav": "audio/wav audio/x-wav audio/wave audio/vnd.wave audio/x-pn-wav",
    ".mp3": "audio/mpeg audio/mp3 audio/x-mp3 audio/mpeg3",
    ".m4a": "audio/mp4 audio/x-m4a audio/m4a",
    ".aac": "audio/aac audio/aacp",
    ".aif": "audio/aiff audio/x-aiff",
    ".flac": "audio/flac audio/x-flac",
    ".oga": "audio/ogg",
    ".opus": "audio/opus",
    ".weba": "audio/webm",
    ".wma": "audio/x-ms-wma",
    ".mid": "audio/midi audio/x-midi",
    ".ra": "audio/x-realaudio audio/vnd.rn-realaudio",
    ".rm": "application/vnd.rn-realmedia audio/x-pn-realaudio",
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".mov": "video/quicktime",
    ".mpg": "video/mpeg video/mpg",
    ".avi": "video/x-msvideo video/avi video/msvideo",
    ".flv": "video/x-flv video/flv",
    ".mkv": "video/x-matroska video/matroska",
    ".webm": "video/webm",
    ".ogv": "video/ogg",
    ".ogg": "application/ogg",
    ".ogx": "audio/x-ogg",
    ".wmv": "video/x-ms-wmv",
    ".3gp": "video/3gpp",
    ".mxf": "application/mxf",
    ".mj2": "video/mj2",
    ".dv": "video/x-dv video/dv",
    ".swf": "application/x-shockwave-flash application/vnd.adobe.flash.movie",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".smil": "application/smil+xml application/smil",
    ".zip": "application/zip application/x-zip application/x-zip-compressed",
    ".tar": "application/x-tar application/tar",
    ".gz": "application/gzip application/x-gzip",
    ".bz2": "application/x-bzip2",
    ".xz": "application/x-xz",
    ".7z": "application/x-7z-compressed",
    ".rar": "application/vnd.rar application/x-rar-compressed application/x-rar",
    ".warc": "application/warc",
    ".warc.gz": "application/warc+gzip",
    ".arc": "application/x-internet-archive",
    ".wacz": "application/wacz",
    ".iso": "application/x-iso9660-image",
    ".dcm": "application/dicom",
    ".nii": "application/x-nifti",
    ".fits": "application/fits image/fits",
    ".h5": "application/x-hdf5 application/x-hdf",
    ".nc": "application/netcdf application/x-netcdf",
    ".sav": "application/x-spss-sav application/x-spss",
    ".dta": "application/x-stata",
    ".sas7bdat": "application/x-sas-data",
    ".parquet": "application/vnd.apache.parquet",
    ".sqlite": "application/vnd.sqlite3 application/x-sqlite3",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".kmz": "application/vnd.google-earth.kmz",
    ".gml": "application/gml+xml",
    ".gpx": "application/gpx+xml",
    ".shp": "application/x-esri-shape application/vnd.shp",
    ".dwg": "image/vnd.dwg application/acad",
    ".dxf": "image/vnd.dxf",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".obj": "model/obj",
    ".stl": "model/stl",
    ".ply": "model/ply application/ply",
    ".x3d": "model/x3d+xml",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".ipynb": "application/x-ipynb+json",
    ".py": "text/x-python application/x-python",
    ".r": "text/x-r-source",
}  # fmt: skip

_EXTENSIONS = {mime: extension for extension, types in _TYPES.items() for mime in types.split()}
_USUAL = {extension: types.split()[0] for extension, types in _TYPES.items()}
_SUFFIXES = {"xml": ".xml", "json": ".json", "zip": ".zip", "gzip": ".gz", "yaml": ".yaml"}
"""RFC 6839 structured syntax suffixes, for types that are not in the table."""

_ALIKE = {
    ".jpeg": ".jpg", ".jpe": ".jpg", ".tiff": ".tif", ".htm": ".html", ".mpeg": ".mpg", ".qt": ".mov", ".aiff": ".aif",
    ".wave": ".wav", ".midi": ".mid", ".djv": ".djvu", ".jpf": ".jpx", ".yml": ".yaml", ".text": ".txt", ".ogg": ".oga",
    ".mods": ".xml", ".mets": ".xml", ".mrcx": ".xml", ".json": ".jsonld",
}  # fmt: skip
"""Other spellings of an extension that a name may already carry."""

_ENDINGS = {usual: (usual, *(other for other, meant in _ALIKE.items() if meant == usual)) for usual in _ALIKE.values()}


_LONGEST = 255
"""Of what is remembered: whoever writes longer types does not fill the memory with them."""


def extension(mime: str) -> str:
    """The extension with its dot, "" for a type that is unknown or says nothing; parameters and case are ignored."""
    return _recalled(mime) if len(mime) <= _LONGEST else _find_extension(mime)


def _find_extension(mime: str) -> str:
    kind = mime.partition(";")[0].strip().lower()
    return _EXTENSIONS.get(kind) or _SUFFIXES.get(kind.rpartition("+")[2] if "+" in kind else "", "")


_recalled = lru_cache(maxsize=1024)(_find_extension)
"""Most objects have the same few types."""


def media_type(name: str) -> str:
    """The type that a file's name tells by its extension, "" where it tells none: for repositories that keep no types."""
    ending = f".{name.rpartition('.')[2].lower()}" if "." in name else ""
    return _USUAL.get(ending) or _USUAL.get(_ALIKE.get(ending, ""), "")


def with_extension(name: str, mime: str) -> str:
    """The name with its type's extension, unless it already ends with that, in whatever case or usual spelling."""
    ending = extension(mime)
    return name if name.lower().endswith(_ENDINGS.get(ending, ending)) else name + ending
